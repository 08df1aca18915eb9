"""The demo CLIP's tokenizer: a word is a token, and what it has not learned is one token too."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

PAD, UNKNOWN, END = "<pad>", "<unknown>", "<end>"
CONTEXT: Final = 20
"""Tokens of a text, its end included; what is longer is cut."""


def save_tokenizer(folder: Path, words: Sequence[str]) -> None:
    """Writes the tokenizer as transformers, and so open_clip, reads it from a folder.

    Padding is token 0 and the end has the highest number: open_clip's text tower takes a text's
    vector at the highest token.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    numbers = {token: number for number, token in enumerate((PAD, UNKNOWN, *words, END))}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    # As words.split_words: whatever is no letter and no figure stands between words.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[^a-z0-9]+"), "removed")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, numbers[END])]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        eos_token=END,
        model_max_length=CONTEXT,
    ).save_pretrained(folder)
    # Under the name that transformers has always had for it: version 5 writes one of its own, which
    # version 4, as earlier releases of FiftyOne have it, does not know.
    settings = folder / "tokenizer_config.json"
    written = json.loads(settings.read_text(encoding="utf-8"))
    written["tokenizer_class"] = "PreTrainedTokenizerFast"
    settings.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of an open_clip folder."""
    import open_clip

    return open_clip.get_tokenizer(f"local-dir:{folder}")
