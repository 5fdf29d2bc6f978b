"""Fetching released checkpoints from Hugging Face: the one place of this package that uses the network."""

from __future__ import annotations

import os
from pathlib import Path

from seem_model.errors import DownloadError, MissingExtraError
from seem_model.zoo import Release

REPOSITORY = "xdecoder/SEEM"


def fetch_release(release: Release, folder: Path, *, revision: str | None = None, quiet: bool = False) -> Path:
    """Fetches the file of a release to `folder`; what an interrupted try left there is continued.

    Follows the usual variables of huggingface_hub: HF_ENDPOINT for a mirror, HF_TOKEN, HF_HUB_OFFLINE, proxies.

    Args:
        release: A published release.
        folder: Made if it does not exist. The file keeps the name it has in the repository.
        revision: Commit, tag or branch of the repository; its newest state when left out.
        quiet: No progress bar.

    Raises:
        ModelInputError: No file was published for this release.
        MissingExtraError: huggingface_hub is not installed.
        DownloadError: The file cannot be fetched or written.
    """
    name = release.published_file
    # The library reads this once, when it is imported.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        import huggingface_hub

        # Documented names; its utils only forget to list them as exported.
        from huggingface_hub.utils import (  # type: ignore[attr-defined]
            are_progress_bars_disabled,
            disable_progress_bars,
            enable_progress_bars,
        )
    except ImportError:
        raise MissingExtraError(
            "fetching weights needs huggingface_hub: pip install 'seem-vos[hub]'; or place the file yourself and name "
            "it with --weights"
        ) from None
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    were_disabled = are_progress_bars_disabled()
    if quiet:
        disable_progress_bars()
    try:
        return Path(
            huggingface_hub.hf_hub_download(
                REPOSITORY, name, revision=revision, local_dir=folder, endpoint=endpoint, library_name="seem-vos"
            )
        )
    except Exception as error:  # its transport's own errors come through too, and differ between versions
        raise DownloadError(
            f"{endpoint}/{REPOSITORY}/{name}: could not be fetched ({_first_line(error)}); what has come is kept, try "
            "again to continue"
        ) from error
    finally:
        if not were_disabled:
            enable_progress_bars()


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
