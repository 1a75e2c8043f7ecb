# syntax=docker/dockerfile:1

FROM python:3.11-slim-bookworm AS build
# Which build of torch to install: "cpu", or the CUDA version of the target's driver, as in "cu128".
ARG TORCH_BACKEND=cpu
RUN pip install --no-cache-dir uv==0.13.8 && uv venv /opt/canfuse
WORKDIR /src
# The libraries first: they change less often than the code, so their layer is reused.
COPY pyproject.toml constraints.txt LICENSE ./
COPY client client
RUN uv pip install --no-cache --python /opt/canfuse --torch-backend "${TORCH_BACKEND}" \
    --constraint constraints.txt --requirements pyproject.toml --extra otel --extra postgres ./client
COPY README.md ./
COPY app app
COPY ml ml
COPY workers workers
RUN uv pip install --no-cache --python /opt/canfuse --no-deps .

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 canfuse \
    && useradd --system --uid 10001 --gid canfuse --home-dir /var/lib/canfuse --create-home canfuse \
    && mkdir /data
COPY --from=build /opt/canfuse /opt/canfuse
ENV PATH=/opt/canfuse/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    CANFUSE_HOME=/var/lib/canfuse \
    CANFUSE_DATA_DIRS=/var/lib/canfuse/data:/data \
    CANFUSE_HOST=0.0.0.0 \
    CANFUSE_PORT=8000
USER 10001:10001
WORKDIR /var/lib/canfuse
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['CANFUSE_PORT']}/livez\", timeout=4)"]
CMD ["canfuse", "up"]
