"""Texts: words of any script, the vocabulary, pretrained text encoders."""
