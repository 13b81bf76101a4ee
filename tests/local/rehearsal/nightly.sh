#!/bin/sh
# nightly.sh REPORT...: a summary beside each report; what is there is not asked for again.
for report in "$@"; do
    summary=${report%.txt}.summary
    [ -e "$summary" ] && continue
    for pause in 1 30 300 0; do
        eugpt stream "Summarise in one sentence:" <"$report" >"$summary.part"
        code=$?
        case $code in 5?) sleep "$pause" ;; *) break ;; esac # busy or broken: later
    done
    case $code in
        0) mv "$summary.part" "$summary" && continue ;;
        49) echo "nightly: quota used up, the rest tomorrow" >&2 ;;
        62) echo "nightly: $report: the answer broke off" >&2 ;;
    esac
    rm -f "$summary.part"
    [ "$code" -eq 62 ] || exit 75
done
