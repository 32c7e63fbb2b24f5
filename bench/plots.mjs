// Draws a result: a bar for the median of each contestant, a dot for each run, so that the spread is seen. Drawn by
// Apache ECharts, which makes SVG without a browser; it is one of bench/package.json's.

import { BarChart, ScatterChart } from 'echarts/charts'
import { GridComponent, TitleComponent } from 'echarts/components'
import * as echarts from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'

echarts.use([BarChart, ScatterChart, GridComponent, TitleComponent, SVGRenderer])

const [width, barHeight, edge] = [760, 26, 76]
const [oursColor, rivalColor, dotColor, textColor] = ['#2f7ed8', '#b4bcc8', '#20304080', '#333333']

/** @param {object} result as it is stored @returns {string} SVG */
export function plotOf({ scenario, says, rows }) {
  const measured = rows.filter(({ seconds }) => seconds !== undefined).toReversed() // The first row is drawn on top.
  const height = edge * 2 + measured.length * barHeight
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height })
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: scenario, subtext: `${says}; seconds, shorter is better`, left: 12, top: 8 },
    grid: { left: 150, right: 70, top: edge, bottom: edge / 2 },
    xAxis: { type: 'value', axisLabel: { color: textColor } },
    yAxis: {
      type: 'category',
      data: measured.map(({ name }) => name),
      axisLabel: { color: textColor },
      axisTick: { show: false },
    },
    series: [
      {
        type: 'bar',
        barWidth: '62%',
        label: { show: true, position: 'right', color: textColor, formatter: ({ value }) => value.toPrecision(3) },
        data: measured.map(({ seconds, senderRssBytes }) => ({
          value: seconds,
          itemStyle: { color: senderRssBytes === undefined ? rivalColor : oursColor },
        })),
      },
      {
        type: 'scatter',
        symbolSize: 4,
        itemStyle: { color: dotColor },
        data: measured.flatMap(({ samples }, i) => samples.map(({ seconds }) => [seconds, i])),
      },
    ],
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return `${svg}\n`
}
