/** React Flow and dagre come in a file of their own, only where a graph is looked at. */
export const loadGraph = () => import("./Graph");
