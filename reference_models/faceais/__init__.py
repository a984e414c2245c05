"""FaceAIS, first of the online task of REACT 2024: faces as tokens, and a transformer that predicts them in blocks."""
