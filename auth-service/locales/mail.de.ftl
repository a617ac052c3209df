# The German texts of mails, with the same messages as `mail.en.ftl`; a test compares them.
# `$issuer` is the setting `pages.name`, and is known to every message. Dates and months are those of the pages.

mail-hello = Guten Tag { $user },
mail-hello-stranger = Guten Tag,
mail-link-life = Der Link gilt { $life }, bis { $date }.
mail-life-minutes = { $count ->
    [one] eine Minute
   *[other] { $count } Minuten
}
mail-life-hours = { $count ->
    [one] eine Stunde
   *[other] { $count } Stunden
}
mail-life-days = { $count ->
    [one] einen Tag
   *[other] { $count } Tage
}
mail-link-in-full = Wenn die Schaltfläche nicht funktioniert, kopieren Sie diese Adresse in Ihren Browser:
mail-footer = { $issuer } ({ $host }) hat diese Mail automatisch gesendet. Antworten darauf liest niemand.
mail-support = Hilfe:

mail-password-reset = Neues Passwort für { $issuer } wählen
mail-password-reset-text = Jemand, vermutlich Sie, hat ein neues Passwort für Ihr Konto angefordert. Um eines zu wählen, öffnen Sie diesen Link:
mail-password-reset-button = Neues Passwort wählen
mail-password-reset-otherwise = Wenn Sie das nicht waren, ist nichts zu tun. Ihr Passwort bleibt, wie es ist.

mail-verification = E-Mail-Adresse für { $issuer } bestätigen
mail-verification-text = Jemand, vermutlich Sie, hat diese Adresse für ein Konto angegeben. Wenn das Konto Ihnen gehört, öffnen Sie diesen Link und bestätigen Sie die Adresse dort:
mail-verification-button = Adresse bestätigen
mail-verification-otherwise = Wenn Sie dort kein Konto haben, ist nichts zu tun. Die Adresse bleibt dann unbestätigt.

mail-new-address = Neue E-Mail-Adresse für { $issuer } bestätigen
mail-new-address-text = Jemand, vermutlich Sie, möchte diese Adresse künftig für ein Konto verwenden. Wenn das Konto Ihnen gehört, öffnen Sie diesen Link und bestätigen Sie die Adresse dort:
mail-new-address-button = Neue Adresse bestätigen
mail-new-address-otherwise = Wenn Sie dort kein Konto haben, ist nichts zu tun. Das Konto behält dann seine bisherige Adresse.

mail-address-change-requested = Jemand möchte Ihre E-Mail-Adresse ändern
mail-address-change-requested-text = Am { $date } hat jemand, vermutlich Sie, eine andere E-Mail-Adresse für Ihr Konto angegeben. Bis die neue Adresse bestätigt ist, bleibt alles, wie es ist.
mail-address-change-requested-otherwise = Wenn Sie das nicht waren, kennt jemand anderes Ihr Passwort. Wählen Sie sofort ein neues; das beendet auch die Änderung:
mail-address-change-requested-button = Neues Passwort wählen

mail-address-changed = Ihre E-Mail-Adresse wurde geändert
mail-address-changed-text = Am { $date } wurde die E-Mail-Adresse Ihres Kontos durch eine andere ersetzt. Dies ist die letzte Mail an die bisherige Adresse.
mail-address-changed-otherwise = Wenn Sie das nicht waren, wenden Sie sich sofort an die Betreiber von { $issuer }.

mail-password-changed = Ihr Passwort wurde geändert
mail-password-changed-text = Am { $date } wurde das Passwort Ihres Kontos geändert. Wenn Sie das waren, ist nichts zu tun.
mail-password-changed-otherwise = Wenn Sie das nicht waren, wählen Sie sofort ein neues Passwort:
mail-password-changed-button = Neues Passwort wählen

mail-account-locked = Ihr Konto ist für eine Weile gesperrt
mail-account-locked-text = Am { $date } wurde Ihr Konto gesperrt, weil zu viele Anmeldungen fehlgeschlagen waren. Dauer der Sperre: { $life }, bis { $end }. Sie endet von selbst.
mail-account-locked-unknown = Die Versuche kamen von einem Gerät, das Ihr Konto nicht kennt. In einem Browser, in dem Sie sich schon einmal angemeldet haben, können Sie sich anmelden wie immer.
mail-account-locked-device = Die Versuche kamen aus einem Browser, in dem sich schon einmal jemand bei Ihrem Konto angemeldet hat. Nur dieser Browser ist gesperrt.
mail-account-locked-network = Die Versuche kamen aus einem Netz, aus dem sich schon einmal jemand bei Ihrem Konto angemeldet hat. Nur dieses Netz ist gesperrt.
mail-account-locked-otherwise = Wenn Sie das nicht waren, hat jemand versucht, Ihr Passwort zu erraten, und wurde aufgehalten. Wo Sie angemeldet sind, bleiben Sie angemeldet. Ein neues Passwort beendet die Sperre sofort, auch für Sie:
mail-account-locked-button = Neues Passwort wählen

mail-invitation = Einladung zu { $issuer }
mail-invitation-text = Sie sind eingeladen, ein Konto anzulegen. Öffnen Sie diesen Link, um zu beginnen:
mail-invitation-button = Konto anlegen
mail-invitation-otherwise = Wenn Sie das nicht erwartet haben, ist nichts zu tun. Es wurde nichts für Sie angelegt.

mail-test = Test der Mail-Einstellungen von { $issuer }
mail-test-text = Diese Mail wurde am { $date } gesendet, um die Einstellungen zu prüfen. Wenn Sie sie lesen können, stimmen sie.
