"""PerFRDiff: windows of reactions by diffusion, and a network that writes weights for one listener's style."""
