"""`python -m fotohaus` is `fotohaus`."""

from fotohaus.cli import main

if __name__ == "__main__":
    main()
