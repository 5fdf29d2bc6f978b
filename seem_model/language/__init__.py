"""Language side of SEEM: tokenizer, text encoder, class vocabularies."""
