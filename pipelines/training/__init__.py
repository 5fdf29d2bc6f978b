"""Training of the compact model on still images: no video annotation is ever read.

Data: `stills` what a picture is, `read_folders`, `read_coco`, `read_regions` where they come from, `mix` how sources
are weighted, `synthesis` and `variations` turn one still into a short clip with exact masks, `prompts` draws a user's
prompt for an object, `batches` which clip belongs to which step.
Run: `settings`, `initial_weights`, `losses`, `clip_pass` runs the model over a clip as a video, `trainer` one step
and the checkpoint, `processes` several of them, `loop` trains, `stopping` ends it early.
Monitoring: `run_log`, `validation` on held-out pictures, `picture_sheet`, `smoke` a whole run in a minute or two.
"""
