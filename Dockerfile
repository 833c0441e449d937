# The mock as a container: docker build -t ksef-mock . && docker run --rm -p 8080:8080 ksef-mock
# docs/docker.md tells the rest. Nothing is fetched but what the two requirement files pin by hash.

FROM python:3.13.7-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY docker/build-requirements.txt docker/requirements.txt docker/
RUN python -m venv --without-pip /opt/ksef-mock \
    && python -m pip install --require-hashes --only-binary :all: -r docker/build-requirements.txt \
    && python -m pip --python /opt/ksef-mock/bin/python install \
        --require-hashes --only-binary :all: -r docker/requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY release release
COPY ksef_mock ksef_mock
COPY ksef_client_min ksef_client_min
COPY contract_tests contract_tests
RUN python -m hatchling build -t wheel -d dist \
    && python -m pip --python /opt/ksef-mock/bin/python install --no-deps --no-index dist/*.whl \
    && mkdir -p /var/lib/ksef-mock

FROM python:3.13.7-slim-bookworm
# Who builds it for others tells where from: --build-arg SOURCE=https://… --build-arg REVISION=$(git rev-parse HEAD)
ARG SOURCE=""
ARG REVISION=""
LABEL org.opencontainers.image.title="ksef-mock" \
      org.opencontainers.image.description="A simulator of KSeF, Poland's national e-invoicing system (API v2)" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.vendor="ksef-mock contributors" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/python:3.13.7-slim-bookworm"
COPY --from=build /opt/ksef-mock /opt/ksef-mock
# The only place that the mock writes to: the CA of --tls, stores, seeds. A number needs no entry in /etc/passwd.
COPY --from=build --chown=10001:10001 /var/lib/ksef-mock /var/lib/ksef-mock
# Options of `ksef-mock serve` are environment variables, so that CI services, which take no arguments, can set them.
ENV PATH=/opt/ksef-mock/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/var/lib/ksef-mock \
    KSEF_MOCK_HOST=0.0.0.0 \
    KSEF_MOCK_PORT=8080 \
    KSEF_MOCK_TLS_CA_DIR=/var/lib/ksef-mock/tls
USER 10001:10001
WORKDIR /var/lib/ksef-mock
EXPOSE 8080
STOPSIGNAL SIGTERM
# Asked often until it answers, so that tests start at once, and seldom afterwards. Engines older than 25 know
# no --start-interval: docs/docker.md.
HEALTHCHECK --interval=30s --timeout=3s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["python", "-m", "ksef_mock.healthcheck"]
ENTRYPOINT ["ksef-mock"]
CMD ["serve"]
