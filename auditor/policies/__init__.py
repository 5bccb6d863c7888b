"""AWS policy documents, read once for everybody; knows no room."""
