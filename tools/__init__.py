"""Programs around the code: set-up, locks, fonts and the generated parts of documents. No part of the product."""
