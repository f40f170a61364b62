"""What the providers of e-mails and text messages call: reports, and what people text back."""
