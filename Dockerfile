# The image of the deletion reconciler. Build for both platforms with
#   docker buildx build --platform linux/amd64,linux/arm64 --tag REGISTRY/deletion-reconciler:VERSION .
# For a reproducible build also pin the base: --build-arg PYTHON_DIGEST=sha256:...
# REVISION, CREATED (RFC 3339) and SOURCE (an address) are for the labels and may be left out.
ARG PYTHON_TAG=3.13-slim-bookworm
ARG PYTHON_DIGEST=""

FROM python:${PYTHON_TAG}${PYTHON_DIGEST:+@${PYTHON_DIGEST}} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# With this set the wheel has this time, and compiled files are checked by content: a rebuild gives the same bytes.
ARG SOURCE_DATE_EPOCH=1580601600
WORKDIR /src

# Every download is checked against a hash. Dependencies come first: they change less often than the source.
COPY requirements.lock requirements-build.lock ./
RUN python -m venv --without-pip /app \
 && pip --python /app/bin/python install --require-hashes --only-binary=:all: --requirement requirements.lock \
 && pip install --require-hashes --only-binary=:all: --requirement requirements-build.lock

COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY sql ./sql
COPY reconciler ./reconciler
RUN python -m hatchling build --target wheel --directory /dist \
 && pip --python /app/bin/python install --no-index --no-deps /dist/*.whl \
 && mkdir /data-template

FROM python:${PYTHON_TAG}${PYTHON_DIGEST:+@${PYTHON_DIGEST}} AS runtime
ARG VERSION=0.1.0
ARG REVISION=""
ARG CREATED=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="deletion-reconciler" \
      org.opencontainers.image.description="Deletes a movie, series or season everywhere, keeps at it until it is gone, and shows the evidence." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"

# Nothing but /data is written, so the root file system may be read-only. The database is in the working folder unless
# DATABASE_URL says otherwise; it is not set here, as it would outweigh DATABASE_URL_FILE and a configuration file.
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    RECONCILER_HOST=0.0.0.0 \
    RECONCILER_PORT=8585

COPY --from=build /app /app
COPY --from=build --chown=10001:10001 /data-template /data

# Numeric, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8585
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os; from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:' + os.environ['RECONCILER_PORT'] + '/livez', timeout=4)"]
ENTRYPOINT ["reconciler"]
CMD ["serve"]
