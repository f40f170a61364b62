"""`python -m bench`: list the benches."""

import ast
from pathlib import Path


def main():
    for file in sorted(Path(__file__).parent.glob("*.py")):
        source = ast.parse(file.read_text())
        is_bench = any(isinstance(part, ast.FunctionDef) and part.name == "main" for part in source.body)
        if is_bench and file.name != "__main__.py":
            command, _, purpose = ast.get_docstring(source).split("\n\n")[0].replace("\n", " ").partition("`: ")
            print(f"{command.strip('`'):44}{purpose}")


if __name__ == "__main__":
    main()
