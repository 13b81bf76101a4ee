#!/bin/sh
# nightly.sh REPORT...: a summary beside each report. Cron runs it every night; what is there is not asked for again.
for report in "$@"; do
    summary=${report%.txt}.summary
    [ -e "$summary" ] && continue
    eugpt stream "Summarise in one sentence:" <"$report" >"$summary.part"
    code=$?
    case $code in
        0) mv "$summary.part" "$summary" ;;
        49) rm -f "$summary.part"; echo "nightly: quota used up, the rest tomorrow" >&2; exit 75 ;;
        62) rm -f "$summary.part"; echo "nightly: $report: the answer broke off" >&2 ;;
        *) rm -f "$summary.part"; exit "$code" ;;
    esac
done
