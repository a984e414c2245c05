"""ReactFace: online reactions window by window, with a latent that goes on from window to window (Luo et al., 2023)."""
