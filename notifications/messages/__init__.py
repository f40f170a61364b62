"""Messages to people (docs/adr/0045). An app above says what a message is about with `@source("app.Model")`
(sources.py), plans messages in the transaction of what causes them (planning.py), and the worker sends them
(sending.py)."""
