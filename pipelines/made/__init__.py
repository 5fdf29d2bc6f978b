"""The benchmark `made`: clips that are drawn, with exact masks, from a seed and nothing else."""
