"""BeLFusion, the latent diffusion baseline of the REACT challenges: windows of reactions from a latent space."""
