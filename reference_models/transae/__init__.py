"""Trans-AE, the deterministic baseline of ReactFace's tables: the speaker's tokens decoded straight to coefficients."""
