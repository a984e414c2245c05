"""Slow, plain references that scores are tested against, written from the definitions and without react_eval.

`official` holds what the challenge's own scorers returned; the other modules restate the published formulas in loops.
"""
