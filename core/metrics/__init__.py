"""What each process counts (`requests.py`). It imports nothing of core, so that all of core may count."""
