"""ReactDiff (latent): windows of reactions from the latents of a network that fuses several modalities."""
