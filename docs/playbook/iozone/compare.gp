# Two results of iozone side by side: speed by file size, one line for each record length.
#
#   gnuplot -c compare.gp ONE.csv OTHER.csv [REPORT [OUT.svg]]
#
# REPORT counts the reports of a file from 1: with -i 0 -i 1 they are write, rewrite, read, reread.
one = ARG1
other = ARG2
report = (ARGC >= 3) ? ARG3 : "1"

if (ARGC >= 4) {
    set terminal svg size 1100,500
    set output ARG4
} else {
    set terminal dumb 100 24 noenhanced
}

# The rows of one report: an empty row ends it, and a row without a file size has the record lengths.
rows(file) = sprintf("< awk -F, -v want=%s '/^,*$/ || /Report/ { open = 0; next } $1 == \"\" { if (!open) seen++; open = 1; if (seen == want) { $1 = \"size\"; print } next } open && seen == want { for (i = 2; i <= NF; i++) if ($i == \"\") $i = \"?\"; $1 = $1; print }' '%s'", report, file)

set datafile missing "?"
set logscale x 2
set xlabel "file size, KiB"
set ylabel "MiB/s"
set format x "%.0f"
set key outside right title "record, KiB"
stats rows(one) skip 1 using 9 nooutput
if (!exists("STATS_max")) {
    print sprintf("%s has no report %s", one, report)
    exit
}
most = STATS_max
stats rows(other) skip 1 using 9 nooutput
most = (STATS_max > most) ? STATS_max : most
set yrange [0:most * 1.1 / 1024]

set multiplot layout 1,2
do for [which = 1:2] {
    file = (which == 1) ? one : other
    set title file
    plot for [column in "2 5 9"] rows(file) using 1:(column(int(column)) / 1024) with linespoints title columnheader(int(column))
}
unset multiplot
