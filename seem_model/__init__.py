"""Networks: backbones, pixel decoders, SEEM decoders, visual samplers, checkpoints. No video, no command line."""
