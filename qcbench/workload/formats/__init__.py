"""Task files: every format that is read and written, and what tells them apart."""
