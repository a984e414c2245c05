"""REGNN, a baseline of the REACT challenges: an invertible graph network between reactions and latents."""
