"""The compact SEEM: a small model of the SEEM family that tracks objects on a plain CPU.

`config` sizes, `trunk` backbone, `pyramid` features, `correspondence` pixel read-out of memory frames,
`prompting` visual sampler and prompt maps, `memory` what is kept of a frame, `decoder` queries and masks,
`model` all of it behind three calls: encode an image, remember a frame, decode objects.
"""
