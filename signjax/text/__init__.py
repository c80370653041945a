"""Text: words of any script, vocabulary, pretrained text encoders."""
