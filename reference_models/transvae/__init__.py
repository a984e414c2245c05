"""Trans-VAE, the transformer baseline of the REACT challenges: a Gaussian of the speaker, decoded to a reaction."""
