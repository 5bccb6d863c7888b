"""Pure functions, one question each, for controls that a JMESPath cannot decide. The catalogue names them."""
