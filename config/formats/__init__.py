"""How Django writes dates and times on pages and in PDFs: one way everywhere (FORMAT_MODULE_PATH)."""
