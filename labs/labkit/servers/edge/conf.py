"""What nginx is told more as an edge, the same in both runtimes."""

FOLDER = "copies"  # where it keeps them, in the directory of what it writes

# X-Cache and X-Edge tell of the edge that was asked, and of none behind it.
ASKS_WITH = """proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header {shows} "Bearer {{key}}";
            proxy_hide_header X-Cache;
            proxy_hide_header X-Edge;
            add_header X-Cache $upstream_cache_status always;
            add_header X-Edge {name} always;"""
KEEPS = """proxy_cache_path "{{scratch}}/{folder}" levels=1:2 keys_zone=edge:1m
        max_size=50m inactive=1h use_temp_path=off;
    proxy_cache_key "$host$request_uri";"""
