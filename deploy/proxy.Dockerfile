# Caddy without root and without a capability: it listens on 8080 and 8443, which docker-compose.yml publishes as 80 and 443.
FROM caddy:2.11.7-alpine

RUN setcap -r /usr/bin/caddy \
    && adduser -D -H -u 1001 -h /data praxis \
    && install -d -o praxis -g praxis -m 700 /data/caddy /config/caddy \
    && chown praxis:praxis /data /config

COPY deploy/Caddyfile /etc/caddy/Caddyfile

USER 1001:1001
ENV HTTP_PORT=8080 HTTPS_PORT=8443 HEALTH_PORT=8081
EXPOSE 8080 8443
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["wget", "--quiet", "--spider", "http://127.0.0.1:8081/"]
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
