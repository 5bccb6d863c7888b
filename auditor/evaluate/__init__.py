"""The evaluation room: reads evidence, returns verdicts. No network, no clock, no environment."""
