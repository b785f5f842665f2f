# Stands in for Prosody's official image where that cannot be had: its folders, user, entry point and ports, with Debian's
# Prosody, and a configuration that makes its hosts from a variable as that image's does. Facts from prosody/prosody-docker.
FROM debian:bookworm-slim
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \
 && apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends prosody prosody-modules lua-dbi-sqlite3 lua-unbound tini \
 && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /etc/prosody/conf.d /var/run/prosody && chown prosody:prosody /etc/prosody/conf.d /var/run/prosody \
 && rm -f /etc/prosody/conf.d/* /etc/prosody/conf.avail/* /etc/prosody/certs/* \
 && sed -i -e 's|^VirtualHost "localhost"|for host in (ENV_PROSODY_VIRTUAL_HOSTS or "localhost"):gmatch("[^,]+") do VirtualHost (host) end|' \
      -e 's|^plugin_paths = .*|plugin_paths = { ENV_PROSODY_PLUGIN_PATHS or "/etc/prosody/modules" }|' \
      -e 's|info = "/var/log/prosody/prosody.log"|info = "*console"|' /etc/prosody/prosody.cfg.lua
RUN printf '#!/bin/bash -e\n[ "$1" = prosody ] || exec prosodyctl "$@"\nexec runuser -u prosody -- "$@"\n' > /entrypoint.sh && chmod 755 /entrypoint.sh
EXPOSE 80 443 5222 5269 5347 5280 5281
ENTRYPOINT ["/usr/bin/tini", "--", "/entrypoint.sh"]
CMD ["prosody", "-F"]
