"""Training for MedCLIP-SAM: contrastive fine-tuning and the weakly supervised loop."""
