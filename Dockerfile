# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
#
# `unsup-track` and the nodes in one image without a ROS 2 installation: on the host's network they are
# seen and used by ROS 2 (docs/standalone.md).
#   docker build -t unsup_track .                           # NVIDIA GPU: --build-arg PIP_ARGS=
#   docker run --rm --user "$(id -u)" -v "$PWD:/data" unsup_track label YOUR.bag --out labels
#   docker run --rm --network host unsup_track run all
FROM debian:bookworm-slim

# Empty for the build of PyTorch that brings CUDA (run with `--gpus all`).
ARG PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"

RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/unsup_track
COPY . .
# The last step as in the Makefile: TrackEval's OpenCV needs libraries of a screen.
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir -c constraints.txt ${PIP_ARGS} '.[training]' \
    && /opt/venv/bin/pip install --no-cache-dir -c constraints.txt --force-reinstall --no-deps \
        opencv-python-headless

# Compiled here, the inner loops need not be waited for; whoever runs it may add to them. Not in the
# folder of the sources: Python would import those.
ENV PATH=/opt/venv/bin:$PATH NUMBA_CACHE_DIR=/opt/compiled
WORKDIR /data
RUN python -c 'import unsup_track_ros.pipeline' && chmod -R a+rwX "${NUMBA_CACHE_DIR}"

ENTRYPOINT ["unsup-track"]
CMD ["--help"]
