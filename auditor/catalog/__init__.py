"""The control catalogue: controls and frameworks, waivers, least privilege."""
