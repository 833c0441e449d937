"""The verification of QR codes: KOD I (is this invoice in KSeF?) and KOD II (who has issued it offline?)."""
