"""The settings of notifications: how they leave the machine, if they do at all."""

from __future__ import annotations

from typing import Literal

from appliance.core.sections import Section

__all__ = ["NotificationSettings"]


class NotificationSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """E-mail and webhook. While no host and no URL are set, nothing leaves the machine.

    Attributes
    ----------
    smtp_host : str
        Mail server. Empty: no e-mail.
    smtp_port : int
        0: 587 for starttls, 465 for ssl, 25 for plain.
    smtp_security : str
        ``starttls``, ``ssl`` or ``plain``; over plain no password is sent off this machine.
    smtp_user : str
        Login at the mail server. Empty: none is asked for.
    smtp_password : str
        Its password.
    smtp_password_file : str
        File that holds it instead, readable for the service only.
    smtp_sender : str
        Address that e-mails come from.
    webhook_url : str
        URL that receives a POST for each notification. Empty: none.
    webhook_secret : str
        Key of the signature of each POST.
    webhook_secret_file : str
        File that holds it instead, readable for the service only.
    link_url : str
        What links in e-mails and webhooks begin with. Empty: the address of ``web``.
    timeout_s : float
        Seconds after which an attempt to deliver is given up.
    digest_s : float
        Seconds that a message waits for more of the same.
    calm_minutes : float
        Minutes between two messages about the same thing.
    attempts : int
        Attempts to deliver, with longer and longer breaks, before it is given up.
    retry_s : float
        First of these breaks in seconds; each is four times the one before, an hour at most.
    keep_days : int
        Days for which notifications are kept.
    """

    smtp_host: str = ""
    smtp_port: int = 0
    smtp_security: Literal["starttls", "ssl", "plain"] = "starttls"
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_password_file: str = ""
    smtp_sender: str = ""
    webhook_url: str = ""
    webhook_secret: str = ""
    webhook_secret_file: str = ""
    link_url: str = ""
    timeout_s: float = 20.0
    digest_s: float = 30.0
    calm_minutes: float = 60.0
    attempts: int = 8
    retry_s: float = 30.0
    keep_days: int = 90
