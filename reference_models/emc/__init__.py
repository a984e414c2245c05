"""EMC, emotion-aware modality compensation: what a generator gains that can do without a speaker's face or speech."""
