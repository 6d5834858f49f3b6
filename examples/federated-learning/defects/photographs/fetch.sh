#!/bin/sh
# Takes the photographs of this folder out of the PyPI package again, and says whether they are the same bytes.
set -eu
cd "$(dirname "$0")"
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$wheels" scikit-image==0.26.0
python3 - "$wheels"/*.whl <<'PYTHON'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in ('brick', 'gravel', 'grass'):
        with open(f'{name}.png', 'wb') as file:
            file.write(wheel.read(f'skimage/data/{name}.png'))
PYTHON
sha256sum --check SHA256SUMS
