"""The compact SEEM on ONNX Runtime: the same network and the same weights file, several times faster on a CPU.

Nothing here imports PyTorch. `graphs/` holds the network without its weights (`pipelines.graphs.engine_graphs` writes
it), `sessions` binds the weights to it, `memory` what is kept between frames, `geometry` positions, `reference` visual
sampler tokens, `model` all of it as a `seem_model.video_model.VideoModel`.
"""
