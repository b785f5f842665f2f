# Stands in for ejabberd's official image where that cannot be had: its folders, user, entry point and ports, with Debian's
# ejabberd and that package's configuration. Facts from processone/ejabberd's and processone/docker-ejabberd's Dockerfiles.
FROM debian:bookworm-slim
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \
 && apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ejabberd erlang-p1-sqlite3 erlang-p1-oauth2 openssl tini \
 && rm -rf /var/lib/apt/lists/*
RUN usermod --uid 9000 --home /opt/ejabberd ejabberd && groupmod --gid 9000 ejabberd \
 && mkdir -p /opt/ejabberd/conf /opt/ejabberd/database /opt/ejabberd/logs /opt/ejabberd/upload \
 && sed 's|/etc/ejabberd/ejabberd.pem|/opt/ejabberd/conf/server.pem|' /etc/ejabberd/ejabberd.yml > /opt/ejabberd/conf/ejabberd.yml \
 && openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost -keyout /tmp/key -out /tmp/certificate \
 && cat /tmp/key /tmp/certificate > /opt/ejabberd/conf/server.pem && rm /tmp/key /tmp/certificate \
 && printf '#!/bin/sh\nexec /usr/sbin/ejabberdctl --config-dir /opt/ejabberd/conf --config /opt/ejabberd/conf/ejabberd.yml --logs /opt/ejabberd/logs --spool /opt/ejabberd/database --node ejabberd@localhost "$@"\n' \
      > /usr/local/bin/ejabberdctl && chmod +x /usr/local/bin/ejabberdctl \
 && rm -f /etc/default/ejabberd && install -d -o ejabberd -g ejabberd /run/ejabberd \
 && chown -R 9000:9000 /opt/ejabberd
ENV EJABBERD_PID_PATH=/run/ejabberd/ejabberd.pid
WORKDIR /opt/ejabberd
USER ejabberd
VOLUME ["/opt/ejabberd"]
EXPOSE 1883 4369-4399 5210 5222 5269 5280 5443
ENTRYPOINT ["/usr/bin/tini", "--", "ejabberdctl"]
CMD ["foreground"]
