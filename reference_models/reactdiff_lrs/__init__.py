"""ReactDiff (LRS): ReactDiff (latent) with shifts by listener, in our reading of a paragraph of its paper."""
