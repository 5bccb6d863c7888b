"""A simulated AWS on loopback for the demo, the tests and the benchmarks. Never imported by the product's own rooms."""
