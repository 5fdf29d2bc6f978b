"""The browser app: one video, one user, one machine. docs/ui.md says what it does and what it refuses.

`session` is the work on one video (prompts, undo, first masks, propagation), `app` the HTTP side of it, `static` the
page. Imports of starlette and uvicorn stay in `app`, `security` and `serve`, so that the rest is testable without.
"""
