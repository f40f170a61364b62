"""Sending to an address that a customer typed. `post(url, …)` reaches public addresses alone: neither this machine nor
the network around it, whatever its name resolves to at that moment."""

from integrations.web_post.contract import PostFailed as PostFailed
from integrations.web_post.contract import check_url as check_url
from integrations.web_post.sender import post as post
